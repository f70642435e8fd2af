import { beforeAll, describe, expect, it } from 'vitest';
import { createApp, startApp } from '../../apps/gateway/src/app.js';
import { testConfig } from '../../apps/gateway/test/support/gateway.js';
import { runScenario } from '../scenario.js';
import { openGatewayContext } from './context.js';
import { GATEWAY_SCENARIOS } from './scenarios.js';

describe('the gateway', () => {
  let url: string;
  const open = () => Promise.resolve(openGatewayContext({ url, namespace: 'conformance' }));

  beforeAll(async () => {
    const config = testConfig({ namespaces: { conformance: { presence: true } } });
    const app = await createApp(config);
    await startApp(app, config);
    url = `${(await app.getUrl()).replace('http', 'ws')}/ws`;
    return () => app.close();
  });

  it.concurrent.each(GATEWAY_SCENARIOS)('$name', async (scenario) => {
    expect((await runScenario(scenario, open)).problem).toBeUndefined();
  });
});
