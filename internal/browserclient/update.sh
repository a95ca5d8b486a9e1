#!/bin/sh
# Copies the official clients that test/e2e/package.json pins into dist, compressed. Run
# "npm ci" in test/e2e first.
set -eu
cd "$(dirname "$0")"
packages=../../test/e2e/node_modules
rm -rf dist
for major in 2 3 4; do
	mkdir -p "dist/$major"
	# Version 2 has a build for development, too, which Node.js's server does not serve.
	for file in "$packages/socket.io-client-$major"/dist/socket.io*.js*; do
		case $(basename "$file") in
		*dev*|*slim*) ;;
		*) gzip -9nc "$file" >"dist/$major/$(basename "$file").gz" ;;
		esac
	done
done
cp ../../examples/chat/clients/LICENSE dist/LICENSE
