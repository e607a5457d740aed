"""Put the cluster's token from the cloud's secret store into ~/.ray/auth_token, which only its owner may read.

    python cluster/fetch_token.py share-dist/ray-token                        # AWS Secrets Manager
    python cluster/fetch_token.py projects/my-project/secrets/share-dist-ray-token    # Google Secret Manager

A node proves by its own role that it may have it, so the token stands in no cluster file, command line or log.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.request
from pathlib import Path

SHORTEST = 32
"""Characters that a token has at least; a shorter secret is a mistake."""


def from_aws(name: str) -> str:
    """Read a secret with the role of this machine."""
    import boto3

    # As the other SDKs do; boto reads AWS_DEFAULT_REGION alone.
    region = os.environ.get("AWS_REGION") or None
    return boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=name)["SecretString"]


def from_google(name: str) -> str:
    """Read the newest version of a secret with the service account of this machine."""
    metadata = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    account = f"http://{metadata}/computeMetadata/v1/instance/service-accounts/default/token"
    permit = _ask(account, {"Metadata-Flavor": "Google"})["access_token"]
    store = os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", "https://secretmanager.googleapis.com/")
    found = _ask(f"{store}v1/{name}/versions/latest:access", {"Authorization": f"Bearer {permit}"})
    return base64.b64decode(found["payload"]["data"]).decode()


def _ask(address: str, headers: dict[str, str]) -> dict:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
        return json.load(answer)


def keep(token: str, place: Path) -> None:
    """Write the token so that at no moment anybody else can read it, and never half of it."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    os.replace(beside, place)


def main() -> None:
    """Fetch the secret named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: fetch_token.py NAME\n\n" + (__doc__ or ""))
    name = sys.argv[1]
    token = (from_google if name.startswith("projects/") else from_aws)(name).strip()
    if len(token) < SHORTEST:
        sys.exit(f"the secret {name} has {len(token)} characters, but a token needs {SHORTEST}: store another one.")
    keep(token, Path.home() / ".ray/auth_token")


if __name__ == "__main__":
    main()
