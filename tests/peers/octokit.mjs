// @octokit/webhooks on node's own server, as its README shows it, with one handler.
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";

const webhooks = new Webhooks({ secret: process.env.WEBHOOK_SECRET });
let pushes = 0;
webhooks.on("push", () => {
  pushes += 1;
});
const path = "/api/github/webhooks";
createServer(createNodeMiddleware(webhooks, { path })).listen(Number(process.env.PORT), "127.0.0.1");
