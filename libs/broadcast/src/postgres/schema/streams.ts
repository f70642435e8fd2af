/** Plans that do not depend on how full a table was when a connection used a function for the first time. */
const STEADY_PLANS = `
  set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off`;

/** ms for which a pod waits for a channel that somebody else's transaction has locked. */
const LOCK_TIMEOUT = '50ms';

/**
 * The statements that return what is new, for {@link streams}.
 *
 * Materialized: otherwise a plan may read all rows in the order that is asked for, instead of the few new ones.
 *
 * @param s the name of the schema.
 * @param conditions for the rows `new`, each of which uses an index.
 */
function newRows(s: string, ...conditions: readonly string[]): string {
  const from = (table: string): string =>
    conditions.map((condition) => `select new.* from ${s}.${table} new ${condition}`).join(' union all ');
  return `
    return query
      with fresh as materialized (${from('event')})
      select e.kind, e.channel, null::text, null::bigint, e.at, e.body from fresh e
      where e.kind = 's' or exists (select from ${s}.subscription su where su.pod = subscriber and su.channel = e.channel)
      order by e.id;
    return query
      with fresh as materialized (${from('publication')}), own as materialized (
        select f.* from fresh f
        where exists (select from ${s}.subscription su where su.pod = subscriber and su.channel = f.channel)
      )
      select 'p', q.channel, q.epoch, q.n, q.at, case when q.bytes <= max_bytes then q.payload end from (
        select o.*, sum(octet_length(o.payload)) over (order by o.stream, o.n) as bytes from own o
        order by o.stream, o.n limit most
      ) q;`;
}

/**
 * The functions of channels' streams.
 *
 * @param s the name of the schema.
 */
export function streams(s: string): string {
  return `
create function ${s}.key_hash_1(channel text, publisher text, key text) returns bigint language sql immutable as
$$ select hashtextextended(key, hashtextextended(publisher, hashtextextended(channel, 0))) $$;

-- Whether a channel's stream has ended: it has expired, or another server continues with data that may lack its end.
create function ${s}.has_ended_1(ch ${s}.channel, meta ${s}.meta, host text, t bigint) returns boolean language sql immutable as
$$ select ch.expires <= t or ch.incarnation <> meta.incarnation or (not meta.keep and ch.host <> host) $$;

-- What is locked to create a channel.
create function ${s}.lock_key_1(channel text) returns bigint language sql immutable as
$$ select hashtextextended('${s}.channel ' || channel, 0) $$;

-- Whether another transaction has locked a channel.
create function ${s}.is_locked_1(channel text) returns boolean language plpgsql volatile as $$
begin
  if exists (select from ${s}.channel ch where ch.name = channel) then
    return not exists (select from ${s}.channel ch where ch.name = channel for no key update skip locked);
  end if;
  return not pg_try_advisory_xact_lock(${s}.lock_key_1(channel));
end $$;

-- Locks channels in the order of their names, so that no two transactions wait for each other. Creates missing ones, and begins
-- those again that have ended or that are behind the position that a pod has seen. Returns those that are locked now. Its callers
-- have steady plans.
create function ${s}.lock_1(
  names text[], sizes bigint[], history_ttls bigint[], position_ttls bigint[], seen_epochs text[], seen bigint[], patient boolean
) returns text[] language plpgsql volatile as $$
declare
  locked text[];
  -- Whether one of them has to begin again: rare, and to look for it is almost free here.
  begins boolean;
  missing text[];
  meta ${s}.meta;
  here text := ${s}.host_1();
  t bigint := ${s}.now_1();
begin
  select * into meta from ${s}.meta;
  missing := array(
    select distinct u.name collate "C" from unnest(names) as u (name)
    where not exists (select from ${s}.channel ch where ch.name = u.name) order by 1
  );
  if cardinality(missing) > 0 then
    -- A row that another transaction has inserted cannot be seen, and cannot be skipped.
    if patient then
      perform pg_advisory_xact_lock(${s}.lock_key_1(m.name)) from unnest(missing) as m (name);
    else
      missing := array(select m.name from unnest(missing) as m (name) where pg_try_advisory_xact_lock(${s}.lock_key_1(m.name)));
    end if;
    insert into ${s}.channel (name, stream, epoch, incarnation, host, history_size, history_ttl, position_ttl, expires)
      select distinct on (u.name)
        u.name, nextval('${s}.stream'), ${s}.new_epoch_1(), meta.incarnation, here, u.size, u.httl, u.pttl, t + 30000
      from unnest(names, sizes, history_ttls, position_ttls) as u (name, size, httl, pttl)
      where u.name = any (missing)
      on conflict do nothing;
  end if;
  if patient then
    select array_agg(l.name), bool_or(l.ended) into locked, begins from (
      select ch.name, ${s}.has_ended_1(ch, meta, here, t) as ended
      from ${s}.channel ch where ch.name = any (names) order by ch.name for no key update
    ) l;
  else
    select array_agg(l.name), bool_or(l.ended) into locked, begins from (
      select ch.name, ${s}.has_ended_1(ch, meta, here, t) as ended
      from ${s}.channel ch where ch.name = any (names) order by ch.name for no key update skip locked
    ) l;
  end if;
  if begins is not true and seen is null then return locked; end if;
  t := ${s}.now_1();
  update ${s}.channel ch set
      stream = nextval('${s}.stream'), epoch = ${s}.new_epoch_1(), incarnation = meta.incarnation, host = here,
      last = 0, first = 1, trim_at = 0, expires = greatest(ch.subscribed_until, t + 30000)
    where ch.name = any (locked) and (
      ${s}.has_ended_1(ch, meta, here, t)
      or exists (
        select from unnest(names, seen_epochs, seen) as u (name, epoch, n)
        where u.name = ch.name and u.epoch = ch.epoch and u.n > ch.last
      )
    );
  return locked;
end $$;

-- Stores publications in the order in which they are given. The outcome is stored, duplicate or conflict, or busy for a channel
-- that somebody else has locked.
create function ${s}.store_1(
  names text[], payloads text[], sizes bigint[], history_ttls bigint[], position_ttls bigint[],
  publishers text[], keys text[], fingerprints text[], windows bigint[], patient boolean
) returns table (i integer, outcome text, epoch text, n bigint) language plpgsql volatile ${STEADY_PLANS} as $$
#variable_conflict use_column
declare
  locked text[] := ${s}.lock_1(names, sizes, history_ttls, position_ttls, null, null, patient);
  t bigint := ${s}.now_1();
begin
  return query
  with item as materialized (
    select u.*, ch.stream, ch.epoch as current, ch.last, greatest(ch.used, t) as at, ch.key_window
    from unnest(names, payloads, sizes, history_ttls, position_ttls, publishers, keys, fingerprints, windows)
      with ordinality as u (name, payload, size, httl, pttl, publisher, key, fingerprint, span, i)
    join ${s}.channel ch on ch.name = u.name
    where u.name = any (locked)
  ), known as materialized (
    select item.i, max(k.epoch) as epoch, max(k.n) as n, max(k.fingerprint) as fingerprint
    from item join lateral (
      select p.epoch, p.n, p.fingerprint from ${s}.publication p
      where p.key_hash = ${s}.key_hash_1(item.name, item.publisher, item.key) and p.at >= t - item.key_window
        and p.key_until > t and p.channel = item.name and p.publisher = item.publisher and p.key = item.key
      limit 1
    ) k on true
    where item.key is not null and item.key_window > 0
    group by item.i
  ), fresh as materialized (
    select item.*, item.last + row_number() over (partition by item.name order by item.i) as n
    from item where not exists (select from known where known.i = item.i)
  ), stored as (
    insert into ${s}.publication
        (stream, n, at, channel, epoch, payload, key_hash, publisher, key, fingerprint, key_until)
      select f.stream, f.n, f.at, f.name, f.current, f.payload,
        case when f.key is not null then ${s}.key_hash_1(f.name, f.publisher, f.key) end,
        f.publisher, f.key, f.fingerprint, t + f.span
      from fresh f
  ), latest as materialized (
    select distinct on (f.name) f.*, max(f.span) over (partition by f.name) as longest
    from fresh f order by f.name, f.i desc
  ), advanced as (
    update ${s}.channel ch set
        last = l.n, used = l.at, history_size = l.size, history_ttl = l.httl, position_ttl = l.pttl,
        first = greatest(ch.first, l.n - l.size + 1,
          -- So that a reader does not begin with publications that have expired long ago.
          case when ch.trim_at <= t then coalesce((
            select p.n from ${s}.publication p
            where p.stream = ch.stream and p.n >= ch.first and p.at > t - l.httl order by p.n limit 1
          ), ch.last + 1) end),
        trim_at = case when ch.trim_at <= t then t + greatest(l.httl / 4, 1000) else ch.trim_at end,
        key_window = greatest(ch.key_window, l.longest),
        expires = greatest(t + l.pttl, t + l.httl, ch.subscribed_until)
      from latest l where ch.name = l.name
  )
  select item.i::integer,
    case when known.i is null then 'stored' when known.fingerprint = item.fingerprint then 'duplicate' else 'conflict' end,
    coalesce(known.epoch, item.current), coalesce(known.n, fresh.n)
  from item left join known on known.i = item.i left join fresh on fresh.i = item.i
  union all
  select u.i::integer, 'busy', null, null from unnest(names) with ordinality as u (name, i)
  where locked is null or not u.name = any (locked);
end $$;

-- Publishes for a pod. It does not wait long for a channel that somebody else has locked.
create function ${s}.publish_1(
  names text[], payloads text[], sizes bigint[], history_ttls bigint[], position_ttls bigint[],
  publishers text[], keys text[], fingerprints text[], windows bigint[], patient boolean
) returns table (i integer, outcome text, epoch text, n bigint) language plpgsql volatile set lock_timeout = '${LOCK_TIMEOUT}' as $$
begin
  -- What was acknowledged has to be on the disk.
  if current_setting('synchronous_commit') in ('off', 'local') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  return query select * from ${s}.store_1(names, payloads, sizes, history_ttls, position_ttls, publishers, keys, fingerprints,
    windows, patient);
end $$;

-- Publishes in the transaction of a backend: it is delivered if that commits. Returns the offset.
--
-- channel: 1 to 255 characters, as in the protocol. data: what subscribers receive. key: makes it harmless to publish again
-- within 5 minutes.
create function ${s}.publish(channel text, data jsonb, key text default null) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  known ${s}.channel;
  answer record;
begin
  if channel !~ '^@?[A-Za-z0-9_.:/%#-]{1,255}$' then
    raise exception 'channel: expected 1 to 255 of the characters A-Z a-z 0-9 _ - . : / %% #' using errcode = '22023';
  end if;
  if data is null then raise exception 'data: expected JSON, not NULL' using errcode = '22004'; end if;
  if length(key) not between 1 and 64 then
    raise exception 'key: expected 1 to 64 characters' using errcode = '22023';
  end if;
  select * into known from ${s}.channel ch where ch.name = channel;
  select * into answer from ${s}.store_1(
    array[channel],
    array['{"data":' || data::text || case when key is null then '' else ',"key":' || to_jsonb(key)::text end || '}'],
    -- As pods have set it. Without any, the first subscriber decides what is kept.
    array[coalesce(known.history_size, 1000)], array[coalesce(known.history_ttl, 3600000)],
    array[coalesce(known.position_ttl, 604800000)],
    array[case when key is not null then 'sql' end], array[key],
    array[case when key is not null then md5(data::text) end], array[case when key is not null then 300000 end::bigint], true);
  if answer.outcome = 'conflict' then
    raise exception 'the key was used before with different data' using errcode = '23505';
  end if;
  return answer.n;
end $$;

-- Positions of channels, for a pod whose subscriptions to them are stored already. With begins, it sets how the history is
-- kept. It writes only if something changes, or half of the lease has passed.
create function ${s}.attach_1(
  names text[], begins boolean[], sizes bigint[], history_ttls bigint[], position_ttls bigint[],
  seen_epochs text[], seen bigint[], lease bigint
) returns table (i integer, epoch text, n bigint) language plpgsql volatile
set lock_timeout = '${LOCK_TIMEOUT}' ${STEADY_PLANS} as $$
#variable_conflict use_column
declare
  needed text[];
  wanted text[];
  meta ${s}.meta;
  here text := ${s}.host_1();
  t bigint := ${s}.now_1();
begin
  select * into meta from ${s}.meta;
  select
      array_agg(u.name) filter (where ch.name is null or ${s}.has_ended_1(ch, meta, here, t) or (ch.epoch = u.epoch and ch.last < u.n)),
      array_agg(u.name) filter (where ch.subscribed_until < t + lease / 2 or (u.begins and (
        ch.history_ttl <> u.httl or ch.history_size <> u.size or ch.position_ttl <> u.pttl
      )))
    into needed, wanted
    from unnest(names, begins, sizes, history_ttls, position_ttls, seen_epochs, seen) as u (name, begins, size, httl, pttl, epoch, n)
    left join ${s}.channel ch on ch.name = u.name;
  if needed is not null then
    perform ${s}.lock_1(names, sizes, history_ttls, position_ttls, seen_epochs, seen, true);
    wanted := names;
  end if;
  if wanted is not null then
    -- Another one's lock decides the same, or the lease is renewed later.
    select array_agg(l.name) into wanted from (
      select ch.name from ${s}.channel ch where ch.name = any (wanted) order by ch.name for no key update skip locked
    ) l;
    update ${s}.channel ch set
        subscribed_until = greatest(ch.subscribed_until, t + lease),
        expires = greatest(ch.expires, t + lease, case when ch.last > 0 then t + u.pttl end),
        history_size = case when u.begins then u.size else ch.history_size end,
        history_ttl = case when u.begins then u.httl else ch.history_ttl end,
        position_ttl = case when u.begins then u.pttl else ch.position_ttl end,
        first = case when u.begins then greatest(ch.first, ch.last - u.size + 1) else ch.first end
      from unnest(names, begins, sizes, history_ttls, position_ttls) as u (name, begins, size, httl, pttl)
      where ch.name = u.name and ch.name = any (wanted);
  end if;
  return query
    select u.i::integer, ch.epoch, ch.last
    from unnest(names) with ordinality as u (name, i) join ${s}.channel ch on ch.name = u.name;
end $$;

-- A pod has unsubscribed. The position's ttl begins now, unless another pod is subscribed.
create function ${s}.detach_1(subscriber text, channel text, position_ttl bigint, unpublished_ttl bigint) returns void
language plpgsql volatile set lock_timeout = '${LOCK_TIMEOUT}' as $$
#variable_conflict use_column
declare
  t bigint := ${s}.now_1();
begin
  delete from ${s}.subscription su where su.pod = subscriber and su.channel = detach_1.channel;
  if exists (select from ${s}.subscription su where su.channel = detach_1.channel) then return; end if;
  update ${s}.channel ch set
      subscribed_until = 0,
      expires = case when ch.last > 0 then greatest(t + detach_1.position_ttl, ch.used + ch.history_ttl)
        else t + least(detach_1.position_ttl, unpublished_ttl) end
    where ch.name = detach_1.channel;
end $$;

-- The first row has the epoch, the position and the first offset that is kept. The others are a page of publications. The epoch
-- is null if the stream has ended on another server: then the channel has to be attached first.
create function ${s}.history_1(
  channel text, since_epoch text, since bigint, most bigint, reverse boolean, max_bytes bigint
) returns table (epoch text, n bigint, at bigint, payload text) language plpgsql stable ${STEADY_PLANS} as $$
#variable_conflict use_column
declare
  ch ${s}.channel;
  meta ${s}.meta;
  t bigint := ${s}.now_1();
  oldest bigint;
  low bigint;
  high bigint;
begin
  select * into ch from ${s}.channel c where c.name = channel;
  if not found or ch.expires <= t then
    return query select ${s}.new_epoch_1(), 0::bigint, 1::bigint, null::text;
    return;
  end if;
  select * into meta from ${s}.meta;
  if ${s}.has_ended_1(ch, meta, ${s}.host_1(), t) then
    return query select null::text, 0::bigint, 1::bigint, null::text;
    return;
  end if;
  oldest := coalesce((
    select p.n from ${s}.publication p
    where p.stream = ch.stream and p.n >= ch.first and p.at > t - ch.history_ttl order by p.n limit 1
  ), ch.last + 1);
  low := oldest;
  high := ch.last;
  if since_epoch = ch.epoch and since <= ch.last then
    if reverse then high := since - 1; else low := greatest(low, since + 1); end if;
  end if;
  return query select ch.epoch, ch.last, oldest, null::text;
  if reverse then
    return query
    select null::text, r.n, r.at, r.payload from (
      select p.n, p.at, p.payload, sum(octet_length(p.payload)) over (order by p.n desc) as bytes
      from ${s}.publication p
      where p.stream = ch.stream and p.n between low and high and p.at > t - ch.history_ttl
      order by p.n desc limit most
    ) r where r.bytes <= max_bytes or r.n = high;
  else
    return query
    select null::text, r.n, r.at, r.payload from (
      select p.n, p.at, p.payload, sum(octet_length(p.payload)) over (order by p.n) as bytes
      from ${s}.publication p
      where p.stream = ch.stream and p.n between low and high and p.at > t - ch.history_ttl
      order by p.n limit most
    ) r where r.bytes <= max_bytes or r.n = low;
  end if;
end $$;

-- What became visible after a snapshot, for one pod. The first row has the new snapshot. Nothing else can become visible
-- between the two: a transaction either had ended at a snapshot, or ran, or had not begun. The payload is null if the rest does
-- not fit into max_bytes.
create function ${s}.poll_1(subscriber text, former pg_snapshot, most bigint, max_bytes bigint)
returns table (kind text, channel text, epoch text, n bigint, at bigint, body text) language plpgsql stable ${STEADY_PLANS} as $$
#variable_conflict use_column
declare
  now pg_snapshot := pg_current_snapshot();
  running xid8[];
  begun xid8;
begin
  return query select 'snapshot', null::text, null::text, null::bigint, ${s}.now_1(), now::text;
  if former is null or former::text = now::text then return; end if;
  begun := pg_snapshot_xmax(former);
  running := array(select pg_snapshot_xip(former));
  -- Most of the time nothing runs that could become visible late: then half of the work is enough.
  if running = '{}' then
    ${newRows(s, 'where new.xid >= begun')}
  else
    ${newRows(s, 'where new.xid >= begun', 'where new.xid = any (running)')}
  end if;
end $$;
`;
}
