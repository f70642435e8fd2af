import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  resolve: { conditions: ['source', ...defaultClientConditions] },
  build: {
    // What the oldest browsers that README.md names can parse. Metro compiles the library for React Native.
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' },
    // Applications minify their own bundle; the library itself should be readable.
    minify: false,
    sourcemap: true,
    // Rollup writes the declarations into the same folder.
    emptyOutDir: false,
  },
});
