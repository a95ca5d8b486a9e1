// Chromium, if the machine has it.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
	.find((path) => path && existsSync(path));

// skip is the reason to skip a test that needs a browser, or false.
export const skip = executablePath ? false : 'no Chromium found: set CHROMIUM to its path';

// launchBrowser starts a Chromium that opens no connections of its own.
export const launchBrowser = () => chromium.launch({
	executablePath,
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync'],
});
