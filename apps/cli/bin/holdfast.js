#!/usr/bin/env node
// Not in dist, so that npm finds it before the first build.
import '../dist/main.js';
