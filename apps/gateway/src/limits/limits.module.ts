import { Global, Module } from '@nestjs/common';
import { ClientCounter } from './client-counter.js';
import { ConnectionLimits } from './connection-limits.js';
import { HeldMemory } from './held-memory.js';
import { Overload } from './overload.js';
import { Quotas } from './quotas.js';
import { Senders } from './senders.js';
import { Verifying } from './verifying.js';

const providers = [ClientCounter, ConnectionLimits, HeldMemory, Overload, Quotas, Senders, Verifying];

/** Global, since every folder that takes memory or time of others counts it here. */
@Global()
@Module({ providers, exports: providers })
export class LimitsModule {}
