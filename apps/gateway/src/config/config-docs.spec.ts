import { describe, expect, it } from 'vitest';
import { configDocs } from './config-docs.js';
import { describeConfig, pathName, settingsOf } from './description.js';

describe('the docs', () => {
  const sut = configDocs();

  it.each(settingsOf(describeConfig('production')).map((setting) => [pathName(setting.path), setting] as const))(
    'describe %s',
    (path, { description: { env, secret, description = '' } }) => {
      if (env !== undefined) expect(sut).toContain(`\`${env}\``);
      if (secret === undefined) expect(sut).toContain(`\`${path}\``);
      expect(description).not.toBe('');
      if (path !== 'namespaces') expect(sut).toContain(`| ${description} |`);
    },
  );

  it('state the defaults of development if they differ', () => {
    expect(sut).toContain('| `15`; `0` in development |');
    expect(sut).toContain('| `false`; `true` in development |');
  });
});
