import { MemoryBroker, MemoryStore } from '@holdfast/broadcast';
import { AppModule } from '../../src/app.module.js';
import { create } from '../../src/app.js';
import { runGateway, testConfig, type TestGateway } from './gateway.js';

/** Gateways in this process that share the store of the memory broker, as pods share a server. */
export async function startGatewaysOnOneBroker(
  envs: readonly NodeJS.ProcessEnv[],
  file: object = {},
): Promise<TestGateway[]> {
  const store = new MemoryStore();
  return Promise.all(
    envs.map(async (env) => {
      const config = testConfig(file, env);
      const root = AppModule.forRoot(config, [], { broker: new MemoryBroker(store) });
      return runGateway(await create(config, root), config);
    }),
  );
}
