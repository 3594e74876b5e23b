-- What autovacuum has long done when the next month comes; seconds after a build it would
-- still be at it.

vacuum;
