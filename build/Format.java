import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.googlejavaformat.java.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs google-java-format over every Java source of the checkout, from the checkout's top: {@code
 * check} names the files that are not formatted and exits with 1, {@code write} formats them in
 * place.
 */
final class Format {
  public static void main(String[] args) throws Exception {
    var sources = sources(Path.of(""));
    var arguments = new ArrayList<String>();
    switch (args.length == 1 ? args[0] : "") {
      case "check" -> arguments.addAll(List.of("--dry-run", "--set-exit-if-changed"));
      case "write" -> arguments.add("--replace");
      default -> throw new IllegalArgumentException("usage: Format check|write");
    }
    arguments.addAll(sources);
    if (sources.isEmpty()) {
      return;
    }
    var out = new PrintWriter(System.out, true, UTF_8);
    var err = new PrintWriter(System.err, true, UTF_8);
    int code = new Main(out, err, System.in).format(arguments.toArray(String[]::new));
    if (code != 0) {
      System.err.println(
          "not formatted, or not Java: the files above; to format: mvn -N verify -Dformat=write");
      System.exit(1);
    }
  }

  private static List<String> sources(Path top) throws IOException {
    var found = new ArrayList<String>();
    Files.walkFileTree(
        top,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) {
            var name = dir.getFileName().toString();
            var skip =
                name.equals("target")
                    || name.equals("node_modules")
                    || (name.startsWith(".") && !dir.equals(top));
            return skip ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")) {
              found.add(file.toString());
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return found;
  }
}
