-- Rows as version 0.3 wrote them. They never change: they are what an old store holds.

INSERT INTO deliveries (seq, guid, event, action, installation, repo_id, repository, received_at, digest, bytes, state, attempts, due_at, ended_at, note, repeats, kept) VALUES
  (1, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0001', 'ping', NULL, NULL, NULL, NULL, 1795300000000, '0252d04b81792d637d82235c2e3f2f5a1aef4939830565eee2aec25d37681212', 36, 'ignored', 0, 0, 1795300000020, 'nothing follows from ping', 0, 1),
  (2, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0002', 'repository', 'renamed', 3000003765, 3000005185, 'iris-systems-26/web-infra-53', 1795300001000, '6dc6a1b877313b450719f5795369241e2b1c58511a1e34b4689f5dfb087ed967', 549, 'waiting', 1, 1795300061000, NULL, 'GitHub answered 502', 1, 1),
  (3, '01a20c7e-1f60-11f1-9d0c-5e3f7c1a0003', 'push', NULL, 3000003765, 3000005185, 'iris-systems-26/web-infra-53', 1795300002000, '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 7421, 'dead', 8, 0, 1795303602000, 'GitHub answered 502', 0, 0);

INSERT INTO delivery_bodies (seq, packing, body) VALUES
  (1, 'plain', X'7b227a656e223a224b656570206974206c6f676963616c6c7920617765736f6d652e227d'),
  (2, 'zstd', X'28b52ffd602501dd0600020e2a1e6035d601648a886a5ec816d6be2822f85154b59a88f283ad0e880000ce0573be19e6c530afa3f7a271d178f47e964901d6683fcb24c749a0e0acc89694543731aeab37e8109a8beb681a0303fdb185dba53adc77e0240020da6deca7896690115a7394a31f080930103411c1e0288aa2280e7503bbd4d634f6634773ce238442e531a2b087ab3b86caa5fa3a7d97ea0fe4c89a9b8597eabdcbd3951cddb04edfc2ab3f6631d1cb11008742f27f4272256ed44d00220c0244477420804474cf62386c2a4f71aa2f9fec34e440c459856e81143d58d510a2');
