#!/bin/sh
exec /usr/bin/crane "$@"
