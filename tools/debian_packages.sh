#!/bin/sh
# What the end-to-end tests run beside Tapiary, from Debian's packages: installed as root, else only said.
set -eu
packages=''
PATH="$PATH:/usr/sbin:/sbin"
need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
need tcpdump tcpdump
need mergecap wireshark-common
need tshark tshark
need bwrap bubblewrap
need slapd slapd
need ldapsearch ldap-utils
need nginx nginx-light
need sshd openssh-server
need ssh openssh-client
need dnsmasq dnsmasq-base
need dig bind9-dnsutils
need openssl openssl
need curl curl
need ping iputils-ping
need ip iproute2
need pkill procps
test -n "$packages" || exit 0
if test "$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$packages …"
    export DEBIAN_FRONTEND=noninteractive
    # Servers shall not start by being installed.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "Tests that need them are skipped without the Debian packages:$packages"
fi
