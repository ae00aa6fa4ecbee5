"""Django's settings, all of them from the environment (.env.example explains each one).

Without any, this is the laptop: embedded PostgreSQL and broker on Unix sockets below var/.
With DATABASE_URL, BROKER_URL and ARTIFACTS_URL the same processes use production's services.
"""

import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from csp.constants import NONE, SELF

from webapp import environment, logs
from webapp.accounts.mail import mail_settings
from webapp.accounts.single_sign_on import single_sign_on
from webapp.secret_key import secret_key
from webapp.services.places import broker_socket, database_socket_folder

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load_file(BASE_DIR / ".env")

VAR_DIR = Path(environment.text("RONDO_VAR", str(BASE_DIR / "var"))).absolute()
DEBUG = environment.flag("DEBUG", False)
TESTING = Path(sys.argv[0]).stem in {"pytest", "py.test"} or "pytest" in sys.modules
SECRET_KEY = secret_key(VAR_DIR)

LISTEN_HOST, LISTEN_PORT = environment.address("LISTEN", "127.0.0.1:8000")
PUBLIC_URL = environment.url(
    "PUBLIC_URL",
    f"http://127.0.0.1:{LISTEN_PORT}",
    schemes={"http", "https"},
    example="https://rondo.example.org",
)
SECURE = PUBLIC_URL.scheme == "https"
ALLOWED_HOSTS = [
    PUBLIC_URL.hostname or "127.0.0.1",
    "127.0.0.1",
    "localhost",
    "[::1]",
    *environment.names("ALLOWED_HOSTS"),
]
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC_URL.scheme}://{PUBLIC_URL.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "webapp",
    "webapp.design",
    "webapp.audit",
    "webapp.accounts",
    "webapp.workspaces",
    "webapp.api",
    "webapp.jobs",
    "webapp.webhooks",
    "annotation",
    "training",
]

MIDDLEWARE = [
    "webapp.request_context.RequestContextMiddleware",
    "webapp.health.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.content_policy.ContentPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "webapp.uploads.UploadLimitMiddleware",  # before anything that reads a body
    "webapp.api.programs.ProgramMiddleware",  # what follows is for browsers
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "webapp.accounts.sessions.SessionLimitsMiddleware",
    "webapp.accounts.time_zone.TimeZoneMiddleware",
    "annotation.crowd_fence.CrowdFenceMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.navigation.navigation",
            ],
        },
    }
]

# ---- the database: PostgreSQL, the only truth
_database = environment.url(
    "DATABASE_URL",
    f"postgresql:///rondo?host={database_socket_folder(VAR_DIR)}",
    schemes={"postgresql", "postgres"},
    example="postgresql://rondo:password@db.example.org:5432/rondo",
)
_options = dict(parse_qsl(_database.query))
# Nobody waits longer for a page (webapp/wsgi.py says 8); imports and exports may take minutes.
STATEMENT_SECONDS = environment.whole_number("DATABASE_STATEMENT_SECONDS", 900, least=1, most=86400)
DATABASES = {
    "default": {
        "ENGINE": "webapp.database",
        "NAME": unquote(_database.path.lstrip("/")) or "rondo",
        "USER": unquote(_database.username or "postgres"),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": unquote(_database.hostname or _options.pop("host", "")),
        "PORT": str(_database.port or _options.pop("port", "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "rondo",
            # An acknowledged judgement must survive a crash; nothing may wait for ever on a lock.
            "options": "-c synchronous_commit=on -c lock_timeout=5s"
            f" -c statement_timeout={STATEMENT_SECONDS}s"
            " -c idle_in_transaction_session_timeout=60s",
            # A server that vanished without a word is noticed (TCP only).
            "keepalives_idle": 10,
            "tcp_user_timeout": 10_000,
            **_options,
        },
    }
}
DATABASE_IS_EMBEDDED = not environment.text("DATABASE_URL")

# ---- the broker: hints only, so nothing in it is worth keeping
CELERY_BROKER_URL = environment.text("BROKER_URL", f"redis+socket://{broker_socket(VAR_DIR)}")
environment.url(  # to refuse a wrong one; joining the parts again would lose slashes
    "BROKER_URL",
    CELERY_BROKER_URL,
    schemes={"redis", "rediss", "redis+socket", "amqp", "amqps"},
    example="redis://broker.example.org:6379/0 or amqp://user:password@broker.example.org//",
)
BROKER_IS_EMBEDDED = not environment.text("BROKER_URL")
CELERY_RESULT_BACKEND = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    # A request does not wait for a broker that is away: its hint is dropped, its job is not.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # workers look by themselves until it is back
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_CONSUMER = "webapp.jobs.consumer:CountingConsumer"

# ---- jobs (docs/jobs.md): the database's clock counts
JOBS_LEASE_SECONDS = environment.whole_number("JOBS_LEASE_SECONDS", 45, least=2, most=600)
JOBS_POLL_SECONDS = environment.whole_number("JOBS_POLL_SECONDS", 5, least=1, most=60)
JOBS_RECONCILE_SECONDS = environment.whole_number("JOBS_RECONCILE_SECONDS", 3, least=1, most=60)
JOBS_GRACE_SECONDS = environment.whole_number("JOBS_GRACE_SECONDS", 20, least=1, most=3600)
JOBS_BACKOFF_SECONDS = environment.whole_number("JOBS_BACKOFF_SECONDS", 10, least=1, most=600)

# ---- models that answer (docs/models.md)
MODELS_WARM_SECONDS = environment.whole_number("MODELS_WARM_SECONDS", 300, least=0, most=86_400)

# ---- models that are fetched by their id
HUB_URL = environment.url(
    "HUB_URL",
    "https://huggingface.co",
    schemes={"https", "http"},
    example="https://huggingface.co",
).geturl()

# ---- artifacts: uploads, exports, run directories; a folder, or any fsspec URL
_upload_max = environment.whole_number("UPLOAD_MAX_MB", 2000, least=1, most=1_000_000)
UPLOAD_MAX_BYTES = 1_000_000 * _upload_max
ARTIFACTS_URL = environment.text("ARTIFACTS_URL", str(VAR_DIR / "artifacts"))

# ---- people: accounts, passwords, second factor, single sign-on, sessions
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
# Limits are counted in the database: they hold across processes, hosts and restarts.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "rondo_cache",
        # The default of 300 would let a flood of keys push the counters of others out.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
ADMIN_IDLE_SECONDS = 2 * 3600
SESSION_SECONDS = 12 * 3600

ACCOUNT_ADAPTER = "webapp.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # addresses come from invitations and administrators
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to strangers on somebody's say-so
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Rondo] "
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_SECONDS, which the server enforces
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Wrong codes of second factors; wrong passwords are counted by webapp.accounts.throttle.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/15m/ip,5/15m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = PUBLIC_URL.scheme
MFA_ADAPTER = "webapp.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Rondo"
MFA_TOTP_TOLERANCE = 1
# Its reason, a stranger who signs up with your address, does not exist without open sign-up.
MFA_ALLOW_UNVERIFIED_EMAIL = True
SOCIALACCOUNT_ADAPTER = "webapp.accounts.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = "sso"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
OIDC_OPEN = environment.flag("OIDC_OPEN", False)
SOCIALACCOUNT_PROVIDERS = single_sign_on(
    name=environment.text("OIDC_NAME", "Single sign-on"),
    server_url=environment.text("OIDC_SERVER_URL"),
    client_id=environment.text("OIDC_CLIENT_ID"),
    client_secret=environment.text("OIDC_CLIENT_SECRET"),
)

_mail = environment.url(
    "EMAIL_URL",
    "file://",
    schemes={"smtp", "smtps", "smtp+tls", "console", "file"},
    example="smtp+tls://user:password@mail.example.org:587 (or smtps://, console://, file:///path)",
)
MAIL_IS_SET_UP = _mail.scheme.startswith("smtp")
locals().update(mail_settings(_mail, VAR_DIR / "mail"))
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", f"rondo@{PUBLIC_URL.hostname}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# ---- requests and answers
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "rondo-session"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = SESSION_SECONDS
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "rondo-csrf"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
BEHIND_PROXY = environment.flag("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    }
}

# ---- the API
API_REQUESTS_PER_MINUTE = environment.whole_number(
    "API_REQUESTS_PER_MINUTE", 600, least=1, most=1_000_000
)
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "webapp.api.schema.Schema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["webapp.api.parsers.CleanJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.api.authentication.TokenAuthentication",
        "webapp.api.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "webapp.api.permissions.TokenScope",
    ],
    "DEFAULT_FILTER_BACKENDS": ["webapp.api.filters.AllowListFilter"],
    "DEFAULT_PAGINATION_CLASS": "webapp.api.pagination.Pages",
    "DEFAULT_THROTTLE_CLASSES": ["webapp.api.throttling.RequestsPerMinute"],
    "EXCEPTION_HANDLER": "webapp.api.problems.problem_response",
    "URL_FORMAT_OVERRIDE": None,  # ?format= is no parameter of ours
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rondo",
    "VERSION": "1",
    "DESCRIPTION": "Human feedback in rounds. See /api/docs/ for how to read this.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {  # rooms share field names; each enumeration keeps its own name
        "CampaignState": "annotation.models.campaigns.State",
        "CampaignKind": "annotation.models.campaigns.Kind",
        "SnapshotKind": "training.models.snapshots.SnapshotKind",
        "SnapshotState": "training.models.snapshots.SnapshotState",
        "ImportState": "annotation.models.imports.ImportState",
        "RunOutcome": "training.models.runs.Outcome",
        "ReviewOutcome": "annotation.models.reviews.Outcome",
        "SentBackEnding": "annotation.models.reviews.Ending",
        "SuggestionOrigin": "annotation.models.suggestions.Origin",
        "CrowdEnding": "annotation.models.crowd.Ending",
        "CrowdPlatform": "annotation.models.crowd.Platform",
        "PromptSplit": "annotation.models.prompts.Split",
        "ProtectedSetKind": "annotation.protected_sets.SETS",
        "FactoryStep": "training.models.factory.FactoryStep",
        "CandidateState": "training.models.factory.CandidateState",
        "RoundStep": "training.models.rounds.Step",
        "PromptEditKind": "annotation.models.curation.PromptEdit.Kind",
        "MemberRole": "webapp.workspaces.models.Role",
        "JobState": "webapp.jobs.models.State",
        "DeliveryState": "webapp.webhooks.models.DeliveryState",
        "EndpointKind": "training.models.endpoints.EndpointKind",
        "GenerationState": "training.models.generations.GenerationState",
        "BattleState": "training.models.battles.BattleState",
        "SideState": "training.battle_view.SIDE_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "webapp.api.schema.add_problems_and_keys",
    ],
}

# ---- outgoing HTTP (webapp/outbound.py)
OUTBOUND_ALLOWED_HOSTS = environment.names("OUTBOUND_ALLOWED_HOSTS")

# ---- keys of outside services (webapp/secrets_at_rest.py)
SECRETS_KEYS = environment.names("SECRETS_KEY")

# ---- logs and metrics
LOG_FORMAT = environment.one_of("LOG_FORMAT", "text", logs.FORMATS)
LOG_LEVEL = environment.one_of("LOG_LEVEL", "INFO", logs.LEVELS)
LOGGING = logs.configuration(style=LOG_FORMAT, level=LOG_LEVEL)
CELERY_WORKER_REDIRECT_STDOUTS = False
METRICS_TOKEN = environment.text("METRICS_TOKEN")

# ---- language, time, files
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = VAR_DIR / "media"
