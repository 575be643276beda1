"""Settings: one TOML file, overridden by environment variables; an unknown key stops the start.

Every key is declared once, in `settings.py`, with its unit in its name, its default, its bounds and the sentence
that the documentation shows. `load` reads the file and the environment; the structs may also be built by hand.
"""

from tapiary.config.asking import AlertsConfig, IndexesConfig, QueriesConfig
from tapiary.config.capturing import CaptureConfig, LogConfig, ScriptsConfig
from tapiary.config.loading import OTHER_VARIABLES, load
from tapiary.config.people import AccountsConfig, LdapConfig
from tapiary.config.settings import (
    Config,
    DatabaseConfig,
    GeoConfig,
    JobsConfig,
    MeterConfig,
    RepositoryConfig,
    Rule,
    ServerConfig,
    StoreConfig,
)

__all__ = [
    "OTHER_VARIABLES",
    "AccountsConfig",
    "AlertsConfig",
    "CaptureConfig",
    "Config",
    "DatabaseConfig",
    "GeoConfig",
    "IndexesConfig",
    "JobsConfig",
    "LdapConfig",
    "LogConfig",
    "MeterConfig",
    "QueriesConfig",
    "RepositoryConfig",
    "Rule",
    "ScriptsConfig",
    "ServerConfig",
    "StoreConfig",
    "load",
]
