import pubsub from '@google-cloud/pubsub';
import { grpc } from 'google-gax';

const { protos } = pubsub;
const { v1 } = protos.google.pubsub;
const { Empty } = protos.google.protobuf;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function method<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  isStream = false,
): grpc.MethodDefinition<Request, Response> {
  return {
    path: `/google.pubsub.v1.${path}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: (message) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => Buffer.from(response.encode(message).finish()),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}

/** https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto: the calls that the adapter makes. */
export const SERVICE = {
  createTopic: method('Publisher/CreateTopic', v1.Topic, v1.Topic),
  deleteTopic: method('Publisher/DeleteTopic', v1.DeleteTopicRequest, Empty),
  publish: method('Publisher/Publish', v1.PublishRequest, v1.PublishResponse),
  createSubscription: method('Subscriber/CreateSubscription', v1.Subscription, v1.Subscription),
  getSubscription: method('Subscriber/GetSubscription', v1.GetSubscriptionRequest, v1.Subscription),
  deleteSubscription: method('Subscriber/DeleteSubscription', v1.DeleteSubscriptionRequest, Empty),
  streamingPull: method('Subscriber/StreamingPull', v1.StreamingPullRequest, v1.StreamingPullResponse, true),
};

export type PullRequest = InstanceType<typeof v1.StreamingPullRequest>;
export type PullResponse = InstanceType<typeof v1.StreamingPullResponse>;
export type ReceivedMessage = InstanceType<typeof v1.PubsubMessage>;
export { v1, Empty, grpc };
