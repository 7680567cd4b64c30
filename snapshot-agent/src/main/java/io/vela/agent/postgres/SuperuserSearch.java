package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Finds a superuser that may log in, in data whose roles nobody has named. A single-user server
 * asks nobody who he is (Postgres documentation, "postgres", "Single-User Mode").
 */
final class SuperuserSearch {
  /** As hexadecimal digits: a name may hold quotes and line ends. */
  private static final String QUERY =
      "SELECT encode(convert_to(rolname::text, 'UTF8'), 'hex') AS name FROM pg_catalog.pg_authid"
          + " WHERE rolsuper AND rolcanlogin ORDER BY rolname <> 'postgres', oid LIMIT 1\n";

  private static final Pattern ANSWER = Pattern.compile("name = \"([0-9a-f]+)\"");

  private SuperuserSearch() {}

  /**
   * The name of the role {@code postgres} if it fits, else of the oldest that does.
   *
   * @param settings of the guard
   * @param timeout how long it may take, recovery included
   * @throws CloneException with {@link UnsupportedSource} when there is none
   */
  static String find(
      Installation installation,
      ServiceUser user,
      Path data,
      Map<String, String> settings,
      Duration timeout)
      throws CloneException, InterruptedException {
    var argv = new ArrayList<>(List.of(installation.program("postgres").toString(), "--single"));
    argv.addAll(List.of("-D", data.toString()));
    argv.addAll(Guard.arguments(settings));
    argv.add("template1");
    var result = Command.of(user.wrap(argv)).reading(QUERY).within(timeout).run();
    if (!result.ok()) {
      throw new CloneException(
          new StartFailed("Postgres did not start on the copied data", result.detail()));
    }
    var answer = ANSWER.matcher(result.stdout());
    if (!answer.find()) {
      throw new CloneException(
          new UnsupportedSource(
              "the source has no superuser that may log in",
              "Give one LOGIN: Vela reads roles and detaches subscriptions as a superuser."));
    }
    return new String(HexFormat.of().parseHex(answer.group(1)), StandardCharsets.UTF_8);
  }
}
