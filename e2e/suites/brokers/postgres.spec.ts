import { POSTGRES } from '../../brokers/postgres.js';
import { brokerFaults } from '../../faults/clustered-broker.js';
import { KILL } from '../../faults/crashes.js';
import { describeBroker } from './describe-broker.js';

// It does not have the engine of the others, so what that survives on NATS says nothing about it.
describeBroker(POSTGRES, brokerFaults(POSTGRES, KILL));
