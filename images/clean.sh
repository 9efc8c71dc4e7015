#!/bin/sh
# Runs in the base image while it is built: removes what no container needs and what differs between two builds.
set -eu

# Documentation and translations. Licences stay.
find /usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete
rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/pixmaps
find /usr/share/doc -type d -empty -delete

# Caches, logs, backups, and what names this machine or this moment.
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/debconf/*-old /var/cache/ldconfig/*
find /var/log -type f -delete
rm -f /var/lib/dpkg/*-old /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/ld.so.cache~ /root/.bash_history
: > /etc/machine-id

# Nobody gains rights by running a file, and nobody writes outside /tmp.
find / -xdev \( -type f -o -type d \) -perm /6000 -exec chmod a-s {} +
find / -xdev \( -type f -o -type d \) -perm -0002 ! -path /tmp ! -path '/proc*' ! -path '/sys*' ! -path '/dev*' -exec chmod o-w {} +

# Python's compiled files carry the time of their source, and an image's files all get the time of the commit.
for folder in /usr/lib/python3* /usr/local/lib/python3*; do
  [ -d "$folder" ] || continue
  find "$folder" -name '*.pyc' -delete
  PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "$folder" || true # some files are templates
done
