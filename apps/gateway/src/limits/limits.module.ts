import { Global, Module } from '@nestjs/common';
import { HeldMemory } from './held-memory.js';
import { Quotas } from './quotas.js';
import { Senders } from './senders.js';

/** Global, since whatever takes memory counts it here. */
@Global()
@Module({ providers: [HeldMemory, Quotas, Senders], exports: [HeldMemory, Quotas, Senders] })
export class LimitsModule {}
