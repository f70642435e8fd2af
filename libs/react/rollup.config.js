import { dts } from 'rollup-plugin-dts';

const external = ['react', '@holdfast/client'];

/** What `vite build` leaves to do: CommonJS, and the declarations for both formats in one file each. */
export default [
  {
    input: 'dist/index.js',
    external,
    output: { file: 'dist/index.cjs', format: 'cjs', banner: "'use client';" },
    // Rollup drops the directive and says so; the banner brings it back.
    onLog: (level, log, report) => log.code === 'MODULE_LEVEL_DIRECTIVE' || report(level, log),
  },
  {
    input: 'src/index.ts',
    external,
    output: ['dist/index.d.ts', 'dist/index.d.cts'].map((file) => ({ file })),
    plugins: [dts({ tsconfig: 'tsconfig.json' })],
  },
];
