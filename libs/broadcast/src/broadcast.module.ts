import { ConfigurableModuleBuilder, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Broker } from './broker.js';
import { createBroker, type BrokerUrl } from './create-broker.js';

/** A URL whose scheme selects the broker (`memory:`), or a broker of your own that is not started yet. */
export type BroadcastOptions = { readonly url: BrokerUrl } | { readonly broker: Broker };

/** The injection token of the {@link Broker}. The application starts it, with the events to call. */
export const BROKER = Symbol('Broker');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<BroadcastOptions>({
  moduleName: 'Broadcast',
})
  .setClassMethodName('forRoot')
  .build();

/** Provides the {@link BROKER}, and closes it after the modules that import it have shut down. */
@Module({
  providers: [
    {
      provide: BROKER,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: BroadcastOptions) => ('broker' in options ? options.broker : createBroker(options.url)),
    },
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
