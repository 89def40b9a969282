// What an application does with AWS's SDK for JavaScript; it throws where something is not as it should.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import {
  S3Client, PutObjectCommand, GetObjectCommand, HeadObjectCommand, CopyObjectCommand,
  ListObjectsV2Command, DeleteObjectsCommand, CreateBucketCommand, DeleteBucketCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

const client = new S3Client({ region: "us-east-1", endpoint: process.argv[2], forcePathStyle: true });
const Bucket = "by-sdk";
const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
const text = async (Key) => (await send(GetObjectCommand, { Key })).Body.transformToString();

await send(CreateBucketCommand, {});
const put = await send(PutObjectCommand, { Key: "a b.txt", Body: "hello" });
assert.equal(put.ChecksumCRC32, "NhCmhg==");
assert.equal(await text("a b.txt"), "hello");

const parts = [Buffer.alloc(100000, 1), Buffer.alloc(5, 2)];
await send(PutObjectCommand, { Key: "stream", Body: Readable.from(parts), ContentLength: 100005 });
const streamed = await (await send(GetObjectCommand, { Key: "stream" })).Body.transformToByteArray();
assert.deepEqual(Buffer.from(streamed), Buffer.concat(parts));

for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  const answer = await send(PutObjectCommand, { Key: ChecksumAlgorithm, Body: "hello", ChecksumAlgorithm });
  assert.ok(answer[`Checksum${ChecksumAlgorithm}`], ChecksumAlgorithm);
  const head = await send(HeadObjectCommand, { Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" });
  assert.equal(head[`Checksum${ChecksumAlgorithm}`], answer[`Checksum${ChecksumAlgorithm}`]);
}

function* blocks() {
  for (let i = 0; i < 120; i++) yield Buffer.alloc(100000, i);
}
const upload = new Upload({ client, params: { Bucket, Key: "large", Body: Readable.from(blocks()) } });
assert.match((await upload.done()).ETag, /-3"$/);
const large = await (await send(GetObjectCommand, { Key: "large" })).Body.transformToByteArray();
assert.deepEqual(Buffer.from(large), Buffer.concat([...blocks()]));

await send(CopyObjectCommand, { Key: "copy", CopySource: `${Bucket}/a%20b.txt` });
assert.equal(await text("copy"), "hello");
await assert.rejects(send(GetObjectCommand, { Key: "none" }), { name: "NoSuchKey" });

const listed = (await send(ListObjectsV2Command, {})).Contents;
assert.equal(listed.length, 9);
const Objects = listed.map(({ Key }) => ({ Key }));
assert.equal((await send(DeleteObjectsCommand, { Delete: { Objects } })).Deleted.length, 9);
await send(DeleteBucketCommand, {});
console.log("all good");
