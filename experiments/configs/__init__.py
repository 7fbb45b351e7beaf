"""One file an experiment; each builds one :class:`experiments.config.Config`."""
