package io.vela.cli;

import io.vela.config.value.UntrustedText;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.Writer;

/**
 * Passes on what a terminal shows and escapes what it acts upon: names, and what Postgres or a
 * source says, are not Vela's own.
 */
final class PlainWriter extends FilterWriter {
  PlainWriter(Writer terminal) {
    super(terminal);
  }

  @Override
  public void write(int c) throws IOException {
    write(String.valueOf((char) c), 0, 1);
  }

  @Override
  public void write(char[] text, int from, int length) throws IOException {
    write(new String(text, from, length), 0, length);
  }

  @Override
  public void write(String text, int from, int length) throws IOException {
    out.write(new UntrustedText(text.substring(from, from + length)).lines());
  }
}
