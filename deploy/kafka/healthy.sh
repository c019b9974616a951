#!/usr/bin/env bash
# Whether the broker answers requests: an ApiVersions request (key 18, version 0, correlation id 1) over the wire.
# Kafka's own tools ask the same but start a JVM each time.
set -eu
exec 3<>/dev/tcp/127.0.0.1/9092
printf '\0\0\0\012\0\022\0\0\0\0\0\001\377\377' >&3
# 4 bytes length, then the correlation id and the error code (0)
[ "$(head -c 10 <&3 | od -An -tx1 -j4 | tr -d ' \n')" = 000000010000 ]
