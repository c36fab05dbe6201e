INSERT INTO worth (rollout, at, watch) VALUES
    ('github-auth', 1750000900000,
     '{"settings":{"thresholds":{"p95":10000,"error_rate":50000},"long_enough_ms":1209600000,"hole_ms":3600000,"review_ms":7862400000},"began_ms":1750000000000,"seen":{"p95":{"value":12000,"at_ms":1750000900000,"whole_ms":1750000000000,"exceeded":{"since_ms":1750000000000,"until_ms":1750000900000,"samples":2,"least":11000,"most":12000},"reached":null,"dip_ms":null,"hole_ms":null}}}');
INSERT INTO token_issuance (start_at, writer, histogram) VALUES (1750000200000, 1750000000000, x'01800102');
