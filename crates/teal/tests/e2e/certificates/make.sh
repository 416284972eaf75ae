#!/bin/sh
# Makes certificates as people make them, with the commands that tutorials give. For each name there is
# NAME.pem, NAME.key and, where it is not ca.pem, NAME.ca: the file that a verifier is given.
# Use: make.sh DIRECTORY
set -eu
cd "$1"
exec 2>make.log
ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
san="subjectAltName=DNS:localhost"

# request NAME SUBJECT: a key and a request.
request() { openssl req $ec -subj "$2" -keyout "$1.key" -out "$1.csr"; }
# sign NAME EXTENSIONS [OPTION…]: by the CA, or by the one that options name.
sign() {
  name=$1
  printf '%b\n' "$2" >"$name.ext"
  shift 2
  openssl x509 -req -in "$name.csr" -extfile "$name.ext" -days 30 -CA ca.pem -CAkey ca.key -CAcreateserial \
    -out "$name.pem" "$@"
}
leaf() { # NAME SUBJECT EXTENSIONS [OPTION…]
  request "$1" "$2"
  name=$1 extensions=$3
  shift 3
  sign "$name" "$extensions" "$@"
}
own() { # NAME SUBJECT [OPTION…]: signed by itself, and its own file of CAs.
  name=$1 subject=$2
  shift 2
  openssl req -x509 $ec -days 30 -subj "$subject" -keyout "$name.key" -out "$name.pem" "$@"
  cp "$name.pem" "$name.ca"
}

own ca "/CN=a CA"

leaf signed /CN=localhost "$san"
own self-signed /CN=localhost -addext "$san"
own self-signed-no-ca /CN=localhost -addext "$san" -addext basicConstraints=critical,CA:FALSE
own self-signed-common-name /CN=localhost
own self-signed-other-name /CN=elsewhere.test -addext subjectAltName=DNS:elsewhere.test

request self-signed-v1 /CN=localhost
openssl x509 -req -in self-signed-v1.csr -signkey self-signed-v1.key -days 30 -out self-signed-v1.pem
cp self-signed-v1.pem self-signed-v1.ca
request signed-v1 /CN=localhost
openssl x509 -req -in signed-v1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out signed-v1.pem

leaf common-name /CN=localhost basicConstraints=CA:FALSE
leaf ca-true /CN=localhost "$san\nbasicConstraints=CA:TRUE"
leaf address /CN=teal "subjectAltName=IP:127.0.0.1"
leaf uri /CN=teal "subjectAltName=URI:spiffe://cluster.test/web"
leaf wildcard /CN=teal "subjectAltName=DNS:*.localhost"
leaf wrong-use /CN=localhost "$san\nextendedKeyUsage=codeSigning"
leaf expired /CN=localhost "$san" -days -1
request expired-self-signed /CN=localhost
printf '%s\n' "$san" >expired-self-signed.ext
openssl x509 -req -in expired-self-signed.csr -extfile expired-self-signed.ext -days -1 \
  -signkey expired-self-signed.key -out expired-self-signed.pem
cp expired-self-signed.pem expired-self-signed.ca

# A chain of three: in its order, in another one, with the leaf last, and without the middle.
leaf between "/CN=an intermediate CA" "basicConstraints=critical,CA:TRUE"
request chain /CN=localhost
sign chain "$san" -CA between.pem -CAkey between.key
mv chain.pem chain.leaf
cat chain.leaf between.pem >chain.pem
cat chain.leaf ca.pem between.pem >chain-other-order.pem
cat between.pem chain.leaf >chain-leaf-last.pem
cp chain.leaf chain-incomplete.pem
for other in chain-other-order chain-leaf-last chain-incomplete; do cp chain.key $other.key; done

# An expired root beside a newer one that has the same name and key, as in 2020 and 2021.
own root-new "/CN=a root that was renewed"
openssl req -new -key root-new.key -subj "/CN=a root that was renewed" -out root-old.csr
printf 'basicConstraints=critical,CA:TRUE\n' >root-old.ext
openssl x509 -req -in root-old.csr -extfile root-old.ext -days -1 -signkey root-new.key -out root-old.pem
leaf renewed-root /CN=localhost "$san" -CA root-new.pem -CAkey root-new.key
cat renewed-root.pem root-old.pem >both.pem && mv both.pem renewed-root.pem
cat root-old.pem root-new.pem >renewed-root.ca

# Keys and signatures.
openssl req -newkey rsa:1024 -nodes -subj /CN=localhost -keyout rsa-1024.key -out rsa-1024.csr
sign rsa-1024 "$san"
openssl req -newkey rsa:4096 -nodes -subj /CN=localhost -keyout rsa-4096.key -out rsa-4096.csr
sign rsa-4096 "$san"
leaf sha1 /CN=localhost "$san" -sha1
openssl req -newkey ed25519 -nodes -subj /CN=localhost -keyout ed25519.key -out ed25519.csr
sign ed25519 "$san"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -subj /CN=localhost -keyout p-521.key -out p-521.csr
sign p-521 "$san"

# Files of other forms.
openssl pkey -in signed.key -aes256 -passout pass:teal -out encrypted.key
cp signed.pem encrypted.pem
openssl pkcs12 -export -inkey signed.key -in signed.pem -passout pass: -out pkcs12.pem
cp pkcs12.pem pkcs12.key
printf '\357\273\277' | cat - signed.pem | sed 's/$/\r/' >byte-order-mark.pem
printf '\357\273\277' | cat - signed.key | sed 's/$/\r/' >byte-order-mark.key
printf '\357\273\277' | cat - ca.pem | sed 's/$/\r/' >byte-order-mark.ca
openssl x509 -in signed.pem -outform DER -out der.pem
cp signed.key der.key
cp signed.pem other-key.pem
cp self-signed.key other-key.key
