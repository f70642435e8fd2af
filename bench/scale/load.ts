import { runnerImport } from 'vite';
import { repositoryPath } from '../servers/paths.ts';

type Scenarios = typeof import('./model/scenarios.ts');
type Failover = typeof import('./model/failover.ts');
type AllSettings = typeof import('./model/settings.ts');

/** The model, which imports sources of the gateway and of the library: they are written for a compiler, so that Node alone cannot load them. */
export async function loadModel(): Promise<Scenarios & Failover & AllSettings> {
  const modules = await Promise.all(['scenarios', 'failover', 'settings'].map(async (name) => load(name)));
  return Object.assign({}, ...modules) as Scenarios & Failover & AllSettings;
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
