// A program of a brand that sends events with a Node SDK until it is told to stop, and prints how many it sent.
// node node_sdks.mjs segment|rudder|jitsu URL KEY STOP_FILE NODE_MODULES
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

// A test has no minutes to wait between two tries; kept are the 10 s that an SDK waits for an answer, and our own limit
// for its last flush: what it has not sent by then it drops, which would look like a loss of the server.
const kept = [10000, 120000];
const after = globalThis.setTimeout;
globalThis.setTimeout = (f, ms, ...more) => after(f, kept.includes(ms) ? ms : Math.min(ms ?? 0, 1000), ...more);

const [name, url, key, stop, modules] = process.argv.slice(2);
const load = createRequire(modules + "/");

function segment() {
  const { Analytics } = load("@segment/analytics-node");
  const made = new Analytics({ writeKey: key, host: url, maxRetries: 100000, flushAt: 20, flushInterval: 100 });
  // What the SDK itself gives up on was not sent: told, so that it is not taken for a loss of the server.
  made.on("error", (error) => console.error("given up:", error.code, error.reason ?? error));
  return { track: (m) => made.track(m), identify: (m) => made.identify(m), close: () => made.closeAndFlush({ timeout: 120000 }) };
}

function rudder() {
  const Analytics = load("@rudderstack/rudder-sdk-node");
  const made = new (Analytics.default ?? Analytics)(key, {
    dataPlaneUrl: url, flushAt: 20, flushInterval: 100, logLevel: "error", errorHandler: () => {},
    axiosRetryConfig: { retries: 100000, retryDelay: () => 300, retryCondition: () => true },
  });
  // Its flush sends one batch; there is nothing that waits for all of them.
  const close = async () => {
    for (let quiet = 0; quiet < 20; ) {
      await made.flush().catch(() => {});
      quiet = made.queue.length === 0 && !made.state?.flushing && made.flushed !== false ? quiet + 1 : 0;
      await sleep(100);
    }
  };
  return { track: (m) => made.track(m), identify: (m) => made.identify(m), close };
}

async function jitsu() {
  const { jitsuAnalytics } = load("@jitsu/js");
  const made = jitsuAnalytics({ host: url, writeKey: `${key}:live` });
  return {
    track: (m) => made.track(m.event, m.properties, { userId: m.userId, anonymousId: m.anonymousId }),
    identify: (m) => made.identify(m.userId, m.traits), close: async () => {},
  };
}

const sdk = await { segment, rudder, jitsu }[name]();
const label = `${name}node`;
let n = 0;
while (!existsSync(stop)) {
  const userId = `${label}-u${n % 40}`, anonymousId = `${label}-d${n % 90}`;
  await sdk.track({ userId, anonymousId, event: "Product Viewed", properties: { product_id: `${label}-${n}` } });
  if (n % 10 === 0) {
    const products = [{ product_id: "mug", quantity: 2, price: 6.25 }];
    await sdk.track({ userId, event: "Order Completed", properties: { order_id: `${label}-${n}`, total: 12.5, products } });
    await sdk.identify({ userId, traits: { email: `${userId}@shop.example`, firstName: "Ann" } });
  }
  n += 1;
  await sleep(20);
}
await sdk.close();
console.log(n);
process.exit(0);
