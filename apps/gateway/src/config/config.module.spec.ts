import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';
import { CONFIG, ConfigModule } from './config.module.js';
import { loadConfig, type Config } from './load-config.js';

it('provides the configuration to every module', async () => {
  const config = loadConfig({});
  const feature = {
    module: class FeatureModule {
      readonly name = 'feature';
    },
    providers: [{ provide: 'port', inject: [CONFIG], useFactory: ({ port }: Config) => port }],
  };
  const sut = await Test.createTestingModule({ imports: [ConfigModule.forRoot(config), feature] }).compile();
  expect(sut.get('port', { strict: false })).toBe(8000);
});
