package io.vela.proxy.tls;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/** The blocks of a PEM text (RFC 7468), whatever stands between them. */
final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  private Pem() {}

  /** One block. */
  static final class Block {
    private final String label;
    private final byte[] der;

    private Block(String label, byte[] der) {
      this.label = label;
      this.der = der;
    }

    /** What it says to be. */
    String label() {
      return label;
    }

    /** Its content, which is not to be changed. */
    byte[] der() {
      return der;
    }
  }

  /**
   * @throws IllegalArgumentException for content that is not Base64, as the encrypted keys of old
   *     OpenSSL with their headers
   */
  static List<Block> blocks(String text) {
    var blocks = new ArrayList<Block>();
    var match = BLOCK.matcher(text);
    while (match.find()) {
      var content = match.group(2);
      if (content.indexOf(':') >= 0) {
        throw new IllegalArgumentException(
            match.group(1) + " is encrypted in OpenSSL's old form; expected PKCS#8");
      }
      blocks.add(new Block(match.group(1), Base64.getMimeDecoder().decode(content)));
    }
    return blocks;
  }
}
