import { dts } from 'rollup-plugin-dts';

/** What `vite build` leaves to do: CommonJS, and the declarations for both formats in one file each. */
export default [
  { input: 'dist/index.js', output: { file: 'dist/index.cjs', format: 'cjs' } },
  {
    input: 'src/index.ts',
    output: ['dist/index.d.ts', 'dist/index.d.cts'].map((file) => ({ file })),
    // The protocol's types are bundled, because the package has no dependencies.
    plugins: [dts({ tsconfig: 'tsconfig.json', includeExternal: ['@holdfast/protocol'] })],
  },
];
