#!/usr/bin/env node
// Stands here and not in dist, so that npm finds it before the first build.
import '../dist/main.js';
