import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describeEndpoint } from '@waybill/storage/conformance';
import { startBucket } from './testing/bucket.js';

const root = 'exchange/ü b';

describeEndpoint("a prefix in a bucket of OpenStack Swift's S3 API", async () => {
  const bucket = await startBucket();
  const endpoint = await bucket.open({ root });
  return {
    endpoint,
    seed: async (path: string, content: Uint8Array) => {
      const object = { Bucket: bucket.name, Key: `${root}/${path}`, Body: content };
      await bucket.client.send(new PutObjectCommand(object));
    },
    close: async () => {
      await endpoint[Symbol.asyncDispose]();
      await bucket.stop();
    },
  };
});
