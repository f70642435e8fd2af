import { RABBITMQ } from '../../brokers/rabbitmq.js';
import { brokerFaults } from '../../faults/log-broker.js';
import { describeBroker } from './describe-broker.js';

describeBroker(RABBITMQ, brokerFaults(RABBITMQ));
