package io.vela.cli.baseline;

import io.vela.cli.Terminal;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;

/**
 * Where libpq looks for a password: PGPASSWORD, then the file PGPASSFILE or {@code ~/.pgpass} with
 * lines {@code host:port:database:user:password}, {@code *} standing for any and backslash escaping
 * ("The Password File" in Postgres's documentation). As there, a file that others may read is not
 * used.
 */
final class PasswordFile {
  private static final int FIELDS = 5;
  // What pg_basebackup's connection counts as its database.
  private static final String DATABASE = "replication";

  private final Terminal terminal;

  PasswordFile(Terminal terminal) {
    this.terminal = terminal;
  }

  Optional<Secret> password(HostPort address, String user) {
    return terminal.variable("PGPASSWORD").or(() -> fromFile(address, user)).map(Secret::new);
  }

  private Optional<String> fromFile(HostPort address, String user) {
    var file =
        terminal
            .variable("PGPASSFILE")
            .map(Path::of)
            .orElseGet(() -> terminal.home().resolve(".pgpass"));
    var wanted = List.of(address.host(), Integer.toString(address.port()), DATABASE, user);
    try {
      if (!EnumSet.copyOf(List.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE))
          .containsAll(Files.getPosixFilePermissions(file))) {
        terminal.err().println("vela: " + file + " is not used: others than its owner have access");
        return Optional.empty();
      }
      for (var line : Files.readAllLines(file)) {
        var fields = fields(line);
        if (!line.startsWith("#") && fields.size() == FIELDS && matches(wanted, fields)) {
          return Optional.of(fields.getLast());
        }
      }
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      terminal.err().println("vela: " + file + " cannot be read: " + e.getMessage());
    }
    return Optional.empty();
  }

  private static boolean matches(List<String> wanted, List<String> fields) {
    for (int i = 0; i < wanted.size(); i++) {
      if (!fields.get(i).equals("*") && !fields.get(i).equals(wanted.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static List<String> fields(String line) {
    var fields = new ArrayList<String>();
    var field = new StringBuilder();
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c == '\\' && i + 1 < line.length()) {
        field.append(line.charAt(++i));
      } else if (c == ':' && fields.size() < FIELDS - 1) {
        fields.add(field.toString());
        field.setLength(0);
      } else {
        field.append(c);
      }
    }
    fields.add(field.toString());
    return fields;
  }
}
