package io.vela.proxy.tls;

import io.vela.config.TlsConfig.Identity;
import io.vela.config.TlsConfig.Keystore;
import io.vela.config.TlsConfig.Password;
import io.vela.config.TlsConfig.PemFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * A private key and its certificate, read from files and found to belong together.
 *
 * @param chain the certificate, then those between it and its root
 */
record KeyMaterial(PrivateKey key, List<X509Certificate> chain) {
  KeyMaterial {
    chain = List.copyOf(chain);
  }

  /** Reads what a configuration names. Blocks. */
  static KeyMaterial read(Identity identity) throws TlsException {
    return switch (identity) {
      case PemFiles pem -> read(pem);
      case Keystore keystore -> read(keystore);
    };
  }

  private static KeyMaterial read(PemFiles files) throws TlsException {
    var chain = certificates(files.certificate());
    var password = password(files);
    try {
      for (var block : Pem.blocks(text(files.key()))) {
        if (PrivateKeys.isKey(block)) {
          return matching(files.key(), PrivateKeys.parse(block, password), chain);
        }
      }
    } catch (GeneralSecurityException | IOException | IllegalArgumentException e) {
      throw TlsException.of(files.key(), "the key cannot be used: " + e.getMessage(), e);
    }
    throw TlsException.of(files.key(), "no private key in it", null);
  }

  private static KeyMaterial read(Keystore keystore) throws TlsException {
    var file = keystore.file();
    var password = password(keystore).orElseGet(() -> new char[0]);
    try (var in = Files.newInputStream(file)) {
      var store = KeyStore.getInstance("PKCS12");
      store.load(in, password);
      var keys = new ArrayList<String>();
      for (var alias : Collections.list(store.aliases())) {
        if (store.isKeyEntry(alias)) {
          keys.add(alias);
        }
      }
      if (keys.size() != 1) {
        throw TlsException.of(file, "expected one private key, found " + keys.size(), null);
      }
      var alias = keys.getFirst();
      if (!(store.getKey(alias, password) instanceof PrivateKey key)) {
        throw TlsException.of(file, "its key is no private key", null);
      }
      var chain = new ArrayList<X509Certificate>();
      for (var certificate : store.getCertificateChain(alias)) {
        if (certificate instanceof X509Certificate x509) {
          chain.add(x509);
        }
      }
      return matching(file, key, chain);
    } catch (NoSuchFileException e) {
      throw TlsException.of(file, "the file does not exist", e);
    } catch (IOException | GeneralSecurityException e) {
      throw TlsException.of(file, "the keystore cannot be used: " + e.getMessage(), e);
    }
  }

  /** The certificates of a PEM file. Blocks. */
  static List<X509Certificate> certificates(Path file) throws TlsException {
    var certificates = new ArrayList<X509Certificate>();
    try {
      var factory = CertificateFactory.getInstance("X.509");
      for (var block : Pem.blocks(text(file))) {
        if (block.label().endsWith("CERTIFICATE")
            && factory.generateCertificate(new ByteArrayInputStream(block.der()))
                instanceof X509Certificate certificate) {
          certificates.add(certificate);
        }
      }
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw TlsException.of(file, "a certificate cannot be read: " + e.getMessage(), e);
    }
    if (certificates.isEmpty()) {
      throw TlsException.of(file, "no certificate in it", null);
    }
    return certificates;
  }

  // Neither the JDK nor Netty notices a key of another certificate before the first handshake,
  // and then a reload would have replaced one that works.
  private static KeyMaterial matching(Path file, PrivateKey key, List<X509Certificate> chain)
      throws TlsException {
    try {
      var name = signature(key.getAlgorithm());
      var probe = new byte[] {1, 2, 3};
      var signer = Signature.getInstance(name);
      signer.initSign(key);
      signer.update(probe);
      var verifier = Signature.getInstance(name);
      verifier.initVerify(chain.getFirst().getPublicKey());
      verifier.update(probe);
      if (verifier.verify(signer.sign())) {
        return new KeyMaterial(key, chain);
      }
    } catch (GeneralSecurityException e) {
      throw TlsException.of(file, "the key does not belong to the certificate", e);
    }
    throw TlsException.of(file, "the key does not belong to the certificate", null);
  }

  private static String signature(String algorithm) {
    return switch (algorithm) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      default -> algorithm;
    };
  }

  private static Optional<char[]> password(Identity identity) throws TlsException {
    if (identity.password().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        switch (identity.password().get()) {
          case Password.Given given -> given.secret().reveal().toCharArray();
          case Password.InFile(var file) -> text(file).lines().findFirst().orElse("").toCharArray();
        });
  }

  private static String text(Path file) throws TlsException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw TlsException.of(file, "the file does not exist", e);
    } catch (IOException e) {
      throw TlsException.of(file, "the file cannot be read: " + e.getMessage(), e);
    }
  }
}
