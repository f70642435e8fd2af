import { runnerImport } from 'vite';
import { repositoryPath } from '../servers/paths.ts';
import type * as failover from './model/failover.ts';
import type * as scenarios from './model/scenarios.ts';
import type * as settings from './model/settings.ts';

type Model = typeof scenarios & typeof failover & typeof settings;

/** The model, which imports sources of the gateway and of the library: they are written for a compiler, so that Node alone cannot load them. */
export async function loadModel(): Promise<Model> {
  const modules = await Promise.all(['scenarios', 'failover', 'settings'].map(async (name) => load(name)));
  return Object.assign({}, ...modules) as Model;
}

async function load(name: string): Promise<object> {
  const { module } = await runnerImport<object>(repositoryPath(`bench/scale/model/${name}.ts`), {
    configFile: false,
    root: repositoryPath('.'),
    logLevel: 'error',
    resolve: { conditions: ['source'] },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  });
  return module;
}
