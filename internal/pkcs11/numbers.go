package pkcs11

import (
	"errors"
	"fmt"
)

// Calls of the protocol (p11-kit's rpc-message.h).
const (
	callError = iota
	callInitialize
	callFinalize
	_
	callGetSlotList
	_
	callGetTokenInfo

	callOpenSession       = 10
	callLogin             = 18
	callGetAttributeValue = 24
	callFindObjectsInit   = 26
	callFindObjects       = 27
	callFindObjectsFinal  = 28
	callSignInit          = 42
	callSign              = 43
	callGenerateKeyPair   = 59
)

// Attributes, classes, mechanisms and flags of PKCS#11 2.40.
const (
	attrClass              = 0x000
	attrToken              = 0x001
	attrPrivate            = 0x002
	attrLabel              = 0x003
	attrKeyType            = 0x100
	attrID                 = 0x102
	attrSensitive          = 0x103
	attrSign               = 0x108
	attrVerify             = 0x10a
	attrModulus            = 0x120
	attrModulusBits        = 0x121
	attrPublicExponent     = 0x122
	attrExtractable        = 0x162
	attrECParams           = 0x180
	attrECPoint            = 0x181
	attrAlwaysAuthenticate = 0x202

	classPublic  = 2
	classPrivate = 3
	typeRSA      = 0
	typeEC       = 3

	mechRSAGenerate = 0x0000
	mechRSA         = 0x0001
	mechECGenerate  = 0x1040
	mechECDSA       = 0x1041

	tokenLoginRequired  = 0x4
	tokenPINPad         = 0x100
	tokenInitialized    = 0x400
	tokenPINFinalTry    = 0x20000
	tokenPINLocked      = 0x40000
	sessionSerial       = 0x4
	sessionReadWrite    = 0x2
	userNormal          = 1
	userContextSpecific = 2
)

// Errors that a caller can act on.
var (
	// ErrNoKey says that the token does not have the key of the URI.
	ErrNoKey = errors.New("no such key")
	// ErrNoToken says that the token of the URI is not there.
	ErrNoToken = errors.New("no such token")
	// ErrWrongPIN says that the token has refused the PIN.
	ErrWrongPIN = errors.New("wrong PIN")
	// ErrPINLocked says that the token does not accept a PIN any more.
	ErrPINLocked = errors.New("the PIN is locked")
	// ErrLastTry says that one more wrong PIN would lock the token, so that none was tried.
	ErrLastTry = errors.New("one more wrong PIN would lock the token, so virtpki did not try one")
)

// returned is an error that the module returns (CKR_...).
type returned uint64

// Error returns the most common errors in words.
func (r returned) Error() string {
	words := map[returned]string{
		0x02: "the module is out of memory", 0x05: "general error", 0x06: "function failed", 0x13: "an attribute has a value that the token refuses",
		0x30: "device error", 0x31: "the token is out of memory", 0x32: "the token was removed", 0x54: "the token lacks this function",
		0x60: "the key is gone", 0x63: "the key has another type", 0x68: "the token does not allow this use of the key",
		0x70: "the token does not know the algorithm", 0x82: "the key is gone", 0xb0: "the session has ended", 0xb3: "the session has ended",
		0xd0: "an attribute is missing", 0xd1: "the attributes do not go together", 0xe0: "the token is not there", 0xe1: "the token is not known", 0xe2: "the token is write-protected",
		0x101: "nobody is logged in", 0x102: "the token has no PIN yet", 0xa3: "the PIN has expired",
	}
	if text := words[r]; text != "" {
		return text
	}
	if err := r.Unwrap(); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("PKCS#11 error 0x%x", uint64(r))
}

// Unwrap returns the error of this package that stands for it.
func (r returned) Unwrap() error {
	switch r {
	case 0xa0, 0xa1, 0xa2: // incorrect, invalid, of a wrong length
		return ErrWrongPIN
	case 0xa4:
		return ErrPINLocked
	case 0x32, 0xe0, 0xe1:
		return ErrNoToken
	}
	return nil
}
