/** ms that one partition covers, at least and at most, and how many of them a retention has. */
const SHORTEST = 300_000;
const LONGEST = 86_400_000;
const PARTS = 8;

/**
 * The functions that create and drop partitions, and delete what has expired.
 *
 * @param s the name of the schema.
 */
export function retention(s: string): string {
  return `
-- Creates a partition from begin to finish. It is attached, since that does not lock the whole table.
create function ${s}.add_partition_1(begin bigint, finish bigint) returns void language plpgsql volatile as $$
begin
  execute format('create table ${s}.%I (like ${s}.publication including defaults)', 'publication_' || finish);
  execute format('alter table ${s}.publication attach partition ${s}.%I for values from (%s) to (%s)',
    'publication_' || finish, begin, finish);
end $$;

-- Keeps partitions ahead of the clock, drops those with nothing that is still kept, and deletes other rows that have expired. It
-- takes locks only for a moment, and leaves to its next call what somebody else has locked. Returns whether it was its turn. It runs
-- with the rights of the schema's owner: the role of the pods may neither create nor drop a table.
create function ${s}.upkeep_1(interval_ms bigint) returns boolean language plpgsql volatile
security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
  t bigint := ${s}.now_1();
  retention bigint;
  width bigint;
  next bigint;
  part record;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('${s}.upkeep', 0)) then return false; end if;
  insert into ${s}.upkeep values (true) on conflict do nothing;
  update ${s}.upkeep set at = t where at <= t - interval_ms or at > t;
  if not found then return false; end if;
  select greatest(max(greatest(history_ttl, key_window)), 60000) into retention from ${s}.channel;
  delete from ${s}.publication_rest where at <= t - retention;
  delete from ${s}.event where at <= t - 60000;
  delete from ${s}.channel where name in (
    select name from ${s}.channel where expires <= t and used + key_window <= t limit 10000 for update skip locked
  );
  -- Partitions last: their locks end with this transaction.
  width := least(greatest(retention / ${PARTS}, ${SHORTEST}), ${LONGEST});
  begin
    select coalesce(max(substr(c.relname, 13)::bigint), 0) into next
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = '${s}.publication'::regclass and c.relname ~ '^publication_\\d+$';
    while next < t + width loop
      next := greatest(next, t, (select coalesce(max(at) + 1, 0) from ${s}.publication_rest));
      perform ${s}.add_partition_1(next, next + width);
      next := next + width;
    end loop;
  exception when lock_not_available or check_violation then null;
  end;
  for part in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = '${s}.publication'::regclass and c.relname ~ '^publication_\\d+$'
        and substr(c.relname, 13)::bigint <= t - retention
  loop
    begin
      execute format('drop table ${s}.%I', part.relname);
    exception when lock_not_available then null;
    end;
  end loop;
  return true;
exception when lock_not_available then
  return false;
end $$;
`;
}
