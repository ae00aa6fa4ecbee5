"""OpenID Connect, read from four settings into what allauth expects."""

from typing import Any
from urllib.parse import urlsplit

from webapp.environment import SettingError

PROVIDER_ID = "sso"  # part of the callback address: /account/sso/sso/login/callback/


def single_sign_on(
    *, name: str, server_url: str, client_id: str, client_secret: str
) -> dict[str, Any]:
    """SOCIALACCOUNT_PROVIDERS for one OpenID Connect server; empty without OIDC_SERVER_URL.

    Raises:
        SettingError: the server's address is not https (or http on this machine), or it is
            given without a client.
    """
    if not server_url:
        return {}
    parts = urlsplit(server_url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise SettingError("OIDC_SERVER_URL", server_url, "an https:// address")
    client = {"OIDC_CLIENT_ID": client_id, "OIDC_CLIENT_SECRET": client_secret}
    for setting, value in client.items():
        if not value:
            remedy = "OIDC_SERVER_URL is set, so the client that is registered there is needed."
            raise SettingError(setting, value, "the value from your identity provider", remedy)
    app = {
        "provider_id": PROVIDER_ID,
        "name": name,
        "client_id": client_id,
        "secret": client_secret,
        "settings": {"server_url": server_url, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}}
