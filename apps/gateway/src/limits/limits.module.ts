import { Global, Module } from '@nestjs/common';
import { HeldMemory } from './held-memory.js';
import { Quotas } from './quotas.js';

/** Global, since whatever takes memory counts it here. */
@Global()
@Module({ providers: [HeldMemory, Quotas], exports: [HeldMemory, Quotas] })
export class LimitsModule {}
