#!/bin/sh
# Installs Chromium and its driver from the system's packages where they are absent, and with them Chromium's
# headless shell, which takes less memory, where the system has it as a package.
set -eu

browser_found() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    return 1
}

if browser_found && command -v chromedriver >/dev/null 2>&1; then
    exit 0
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Chromium and chromedriver are not on PATH. Install both (macOS: brew install --cask chromium chromedriver), then try again." >&2
    exit 2
fi

echo "Installing Chromium and its driver …"
as_root apt-get update -qq
shell=$(apt-cache pkgnames chromium-headless-shell)
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver ${shell:+chromium-headless-shell} fonts-dejavu-core >/dev/null
