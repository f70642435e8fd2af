/**
 * The tables. Times are in ms since the Unix epoch, by the server's clock; durations are in ms.
 *
 * What pods can restore is in unlogged tables: they write less, are not replicated, and are empty after a crash or a failover.
 *
 * @param s the name of the schema.
 */
export function tables(s: string): string {
  return `
create table ${s}.meta (
  is_only boolean primary key default true check (is_only),
  version integer not null,
  -- Identifies the data of this schema: another one means that the schema was created again.
  incarnation text not null,
  -- Whether acknowledged publications survive a failover, so that channels continue after it.
  keep boolean not null default false
);

create sequence ${s}.stream;

-- The state of each channel's stream. Its row lock decides the order of the channel's publications.
create table ${s}.channel (
  name text collate "C" primary key,
  stream bigint not null,
  epoch text not null,
  incarnation text not null,
  host text not null,
  last bigint not null default 0,
  -- The first offset that is kept.
  first bigint not null default 1,
  -- When the last publication was stored.
  used bigint not null default 0,
  history_size bigint not null,
  history_ttl bigint not null,
  position_ttl bigint not null,
  key_window bigint not null default 0,
  -- When expired publications are looked for next.
  trim_at bigint not null default 0,
  subscribed_until bigint not null default 0,
  expires bigint not null
) with (fillfactor = 50);

-- xid is what the feed searches by: it says when a row became visible.
create table ${s}.publication (
  stream bigint not null,
  n bigint not null,
  at bigint not null,
  xid xid8 not null default pg_current_xact_id(),
  channel text collate "C" not null,
  epoch text not null,
  payload text not null,
  key_hash bigint,
  publisher text,
  key text,
  fingerprint text,
  key_until bigint
) partition by range (at);
create index on ${s}.publication (stream, n);
create index on ${s}.publication (xid);
create index on ${s}.publication (key_hash) where key_hash is not null;
-- For what is stored while no pod creates partitions.
create table ${s}.publication_rest partition of ${s}.publication default;

-- Joins (j), leaves (l) and signals (s).
create unlogged table ${s}.event (
  id bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at bigint not null,
  kind text not null,
  channel text collate "C" not null,
  body text not null
);
create index on ${s}.event (xid);
create index on ${s}.event (at);

create unlogged table ${s}.pod (
  name text primary key,
  birth text not null,
  until bigint not null,
  -- The pod that sweeps this one, and until when.
  sweeper text,
  sweep_until bigint not null default 0
);

-- When the last heartbeat of any pod arrived, and since when they have arrived without a break.
create unlogged table ${s}.watch (
  is_only boolean primary key default true check (is_only),
  last bigint not null default 0,
  since bigint not null default 0
);

-- When expired rows and partitions were last removed.
create unlogged table ${s}.upkeep (
  is_only boolean primary key default true check (is_only),
  at bigint not null default 0
);

-- What the feed of each pod delivers. Active ones have a subscriber, the others are about to end.
create unlogged table ${s}.subscription (
  pod text not null,
  channel text collate "C" not null,
  is_active boolean not null default false,
  primary key (pod, channel)
);
create index on ${s}.subscription (channel);

-- The number of members of each channel. Its row lock decides the order of the channel's joins and leaves.
create unlogged table ${s}.presence (
  channel text collate "C" primary key,
  count integer not null default 0
);

create unlogged table ${s}.member (
  channel text collate "C" not null,
  client text not null,
  pod text not null,
  holder text not null,
  since bigint not null,
  seq bigint generated always as identity,
  body text not null,
  primary key (channel, client)
);
create index on ${s}.member (channel, seq);
create index on ${s}.member (pod, channel);

create unlogged table ${s}.connection (
  owner text collate "C" not null,
  client text not null,
  pod text not null,
  holder text not null,
  since bigint not null,
  body text not null,
  primary key (owner, client)
);
create index on ${s}.connection (pod, owner);

create function ${s}.now_1() returns bigint language sql volatile as
$$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint $$;

-- A text that was never used before.
create function ${s}.new_epoch_1() returns text language sql volatile as
$$ select translate(encode(substr(uuid_send(gen_random_uuid()), 1, 12), 'base64'), '+/', '-_') $$;

-- The server that holds the data: another one may have lost publications that were acknowledged. The name of the WAL file
-- begins with the timeline, which a promotion changes.
create function ${s}.host_1() returns text language plpgsql volatile as $$
declare
  meta ${s}.meta;
begin
  select * into meta from ${s}.meta;
  if meta.keep then return ''; end if;
  return (select system_identifier from pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
end $$;
`;
}
