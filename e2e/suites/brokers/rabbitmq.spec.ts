import { RABBITMQ } from '../../brokers/rabbitmq.js';
import { brokerFaults } from '../../faults/clustered-broker.js';
import { describeBroker } from './describe-broker.js';

describeBroker(RABBITMQ, brokerFaults(RABBITMQ));
