export { describeBroker, type BrokerServer } from './describe-broker.js';
