package io.vela.proxy.park;

import java.util.List;

/**
 * What is asked of a session in one transaction, in this order. No text has a backslash or an
 * operator without its schema before {@link #PLAIN_PATH}: the session's own search_path and
 * standard_conforming_strings are in force. Columns are text; what may be other than ASCII comes as
 * bytea, in the database's encoding whatever the client's is.
 *
 * <p>The transaction is rolled back, and nothing in it outlasts that.
 */
enum Question {
  /** Its properties stand there, since the session's defaults may make it wait. */
  BEGIN("BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY, NOT DEFERRABLE"),

  /** Lets the session's time limits not strike, and tells them: name, value. */
  LIMITS(
      """
      SELECT s.n, pg_catalog.current_setting(s.n), pg_catalog.set_config(s.n, '0', true)
      FROM (VALUES ('statement_timeout'), ('transaction_timeout'),
                   ('idle_in_transaction_session_timeout')) s(n)
      WHERE pg_catalog.current_setting(s.n, true) OPERATOR(pg_catalog.<>) '0'
      """),

  /** Parameter: names. What the client has been told, in its own encoding. */
  PARAMETERS(
      """
      SELECT s.n, pg_catalog.current_setting(s.n, true)
      FROM pg_catalog.unnest($1::pg_catalog.text[]) s(n)
      WHERE pg_catalog.current_setting(s.n, true) IS NOT NULL
      """),

  /** Role, session authorization, and who logged in. */
  IDENTITY(
      """
      SELECT pg_catalog.convert_to(pg_catalog.current_setting('role'), e.e),
             pg_catalog.convert_to(pg_catalog.current_setting('session_authorization'), e.e),
             pg_catalog.convert_to(pg_catalog.pg_get_userbyid(a.usesysid)::pg_catalog.text, e.e)
      FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a,
           pg_catalog.getdatabaseencoding() e(e)
      """),

  /** A role could hide settings that its session has. */
  NO_ROLE(
      """
      SELECT pg_catalog.set_config('role', 'none', true)
      WHERE pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none'
      """),

  /** Likewise. */
  LOGIN(
      """
      SELECT pg_catalog.set_config(
               'session_authorization', pg_catalog.pg_get_userbyid(a.usesysid)::pg_catalog.text,
               true)
      FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a
      WHERE pg_catalog.current_setting('session_authorization') OPERATOR(pg_catalog.<>)
            pg_catalog.pg_get_userbyid(a.usesysid)::pg_catalog.text
      """),

  /**
   * Settings that the session made, and those that its role or database gave it at its start, which
   * another start may not give, as far as the login role may make them: name, value, whether it is
   * the former.
   */
  SETTINGS(
      """
      SELECT pg_catalog.convert_to(s.name, e.e), pg_catalog.convert_to(s.setting, e.e),
             (s.source OPERATOR(pg_catalog.=) 'session')::pg_catalog.text
      FROM pg_catalog.pg_settings s, pg_catalog.getdatabaseencoding() e(e)
      WHERE s.source OPERATOR(pg_catalog.=) ANY
              (ARRAY['session', 'database', 'user', 'database user', 'global'])
        AND s.setting IS NOT NULL
        AND (s.source OPERATOR(pg_catalog.=) 'session' OR s.context OPERATOR(pg_catalog.=) 'user'
             OR pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on')
        AND s.name OPERATOR(pg_catalog.<>) ALL
              (ARRAY['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'])
      """),

  /** The values that the limits of {@link #LIMITS} had at start, for they are overridden now. */
  LIMITS_AT_START(
      """
      SELECT s.name, s.reset_val FROM pg_catalog.pg_settings s
      WHERE s.name OPERATOR(pg_catalog.=) ANY
              (ARRAY['statement_timeout', 'transaction_timeout',
                     'idle_in_transaction_session_timeout'])
      """),

  /** From here on nothing of the user's shadows what stands in pg_catalog. */
  PLAIN_PATH("SET LOCAL search_path = pg_catalog, pg_temp"),

  /**
   * Parameter: names that were seen. Custom settings, which pg_settings does not show: those, and
   * the ones that stand in functions, policies, views and defaults: name, value.
   */
  CUSTOM_SETTINGS(
      """
      WITH code(sql) AS (
        SELECT prosrc FROM pg_proc
        WHERE oid >= 16384 AND prosrc ~* '(current_setting|set_config|[[:<:]]set[[:>:]])'
        UNION ALL
        SELECT pg_get_function_sqlbody(oid) FROM pg_proc
        WHERE oid >= 16384 AND prosqlbody IS NOT NULL
        UNION ALL
        SELECT concat(pg_get_expr(polqual, polrelid), ' ', pg_get_expr(polwithcheck, polrelid))
        FROM pg_policy
        UNION ALL
        SELECT pg_get_viewdef(ev_class) FROM pg_rewrite
        WHERE ev_class >= 16384 AND rulename = '_RETURN'
          AND ev_action::text ~ ':funcid (2077|2078|3294) '
        UNION ALL
        SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
        WHERE adbin::text ~ ':funcid (2077|2078|3294) '
      ), names(name) AS (
        SELECT lower(found[1]) FROM code, regexp_matches(code.sql,
          '(?:current_setting|set_config)[[:space:]]*[(][[:space:]]*''([^'']+[.][^'']+)''', 'gi')
            found
        UNION
        SELECT lower(found[1]) FROM code, regexp_matches(code.sql,
          '[[:<:]]set[[:space:]]+(?:session[[:space:]]+|local[[:space:]]+)?'
          '([[:alpha:]_][[:alnum:]_$]*(?:[.][[:alpha:]_][[:alnum:]_$]*)+)'
          '[[:space:]]*(?:=|:=|to[[:>:]])', 'gi') found
        UNION
        SELECT unnest($1::text[])
      )
      SELECT convert_to(name, e), convert_to(current_setting(name, true), e)
      FROM names, getdatabaseencoding() e
      WHERE current_setting(name, true) IS NOT NULL
      """),

  /** A function that makes settings whose names nobody knows. */
  UNSEEN_SETTINGS(
      """
      SELECT convert_to(f.oid::regprocedure::text, getdatabaseencoding())
      FROM (
        SELECT oid, prosrc AS sql FROM pg_proc WHERE oid >= 16384
        UNION ALL
        SELECT oid, pg_get_function_sqlbody(oid) FROM pg_proc
        WHERE oid >= 16384 AND prosqlbody IS NOT NULL
      ) f
      WHERE f.sql ~* 'set_config[[:space:]]*[(][[:space:]]*([^''[:space:]]|''[^'']*''[[:space:]]*[|])'
         OR f.sql ~* ('execute[[:space:]][^;]*''[[:space:]]*set[[:space:]]+'
                      '(?:session[[:space:]]+|local[[:space:]]+)?(?:''|%)')
      LIMIT 1
      """),

  /** Parameter: the name these questions run under. Name, text, types, whether made by SQL. */
  PREPARED_STATEMENTS(
      """
      SELECT convert_to(name, e), convert_to(statement, e),
             array_to_string(parameter_types::oid[], ' '), from_sql::text
      FROM pg_prepared_statements, getdatabaseencoding() e
      WHERE name <> $1
      ORDER BY prepare_time
      """),

  /** Names of channels. */
  CHANNELS("SELECT convert_to(c, getdatabaseencoding()) FROM pg_listening_channels() c"),

  /** What vetoes, by the label of its reason: label, what it is. */
  VETOES(
      """
      SELECT label, convert_to(what, getdatabaseencoding()) FROM (
        (SELECT 'temporary-object' AS label,
                pg_describe_object(classid, objid, objsubid) AS what
         FROM pg_depend
         WHERE refclassid = 'pg_namespace'::regclass AND refobjid = pg_my_temp_schema()
           AND pg_my_temp_schema() <> 0
         LIMIT 1)
        UNION ALL
        (SELECT 'held-cursor', name FROM pg_cursors WHERE is_holdable LIMIT 1)
        UNION ALL
        (SELECT 'advisory-lock',
                CASE WHEN objsubid = 1 THEN ((classid::bigint << 32) | objid::bigint)::text
                     ELSE concat(classid, ', ', objid) END
         FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() LIMIT 1)
        UNION ALL
        (SELECT 'temporary-slot', slot_name FROM pg_replication_slots
         WHERE temporary AND active_pid = pg_backend_pid() LIMIT 1)
        UNION ALL
        (SELECT 'language-globals', lanname FROM pg_language
         WHERE CASE
           WHEN lanname IN ('plperl', 'plperlu', 'pltcl', 'pltclu', 'plv8') THEN
             EXISTS (SELECT FROM pg_settings WHERE starts_with(name, rtrim(lanname, 'u') || '.'))
           WHEN lanname IN ('plpythonu', 'plpython2u', 'plpython3u', 'plr') THEN
             EXISTS (SELECT FROM pg_proc WHERE prolang = pg_language.oid)
         END
         LIMIT 1)
      ) v
      """),

  /** On what depends what is asked next, and more: see {@link Facts}. */
  FACTS(
      """
      SELECT current_setting('server_version_num'), current_setting('is_superuser'),
             current_setting('standard_conforming_strings'), current_setting('idle_session_timeout'),
             EXISTS (SELECT FROM pg_class WHERE relrowsecurity)::text,
             (has_function_privilege('pg_replication_origin_session_is_setup()', 'EXECUTE')
              AND NOT pg_is_in_recovery())::text,
             (SELECT convert_to(quote_ident(n.nspname), getdatabaseencoding())
              FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
              WHERE extname = 'dblink'),
             (SELECT convert_to(quote_ident(n.nspname), getdatabaseencoding())
              FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
              WHERE extname = 'postgres_fdw')
      """),

  /** Makes the session's settings as {@link Restore} will, to know whether its login may. */
  REHEARSAL(
      """
      SELECT count(set_config(name, setting, true))::text FROM pg_settings
      WHERE source = 'session' AND setting IS NOT NULL
        AND name <> ALL (ARRAY['transaction_isolation', 'transaction_read_only',
              'transaction_deferrable', 'statement_timeout', 'transaction_timeout',
              'idle_in_transaction_session_timeout', 'client_encoding', 'search_path'])
      """);

  /** All, in the order in which they are asked. */
  static final List<Question> ALL = List.of(values());

  private final String sql;

  Question(String sql) {
    this.sql = sql.strip();
  }

  String sql() {
    return sql;
  }
}
