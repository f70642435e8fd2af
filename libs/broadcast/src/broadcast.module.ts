import { ConfigurableModuleBuilder, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Broker } from './broker.js';
import { createBroker } from './create-broker.js';

export interface BroadcastOptions {
  /** Its scheme picks the broker: `memory:`. */
  readonly url: string;
}

/** The injection token of the {@link Broker}. Whoever injects it starts it, with the events to call. */
export const BROKER = Symbol('Broker');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<BroadcastOptions>({
  moduleName: 'Broadcast',
})
  .setClassMethodName('forRoot')
  .build();

/** Provides the {@link BROKER}, and closes it after the modules that import it have shut down. */
@Module({
  providers: [
    { provide: BROKER, inject: [MODULE_OPTIONS_TOKEN], useFactory: ({ url }: BroadcastOptions) => createBroker(url) },
  ],
  exports: [BROKER],
})
export class BroadcastModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    super();
    this.#broker = broker;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#broker.close();
  }
}
