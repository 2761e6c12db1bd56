// Package templates makes the files of a new service out of a template: a tree of files with
// a manifest, which says what is asked, what can be chosen, and which files belong to which
// choice.
//
// A template is data. It is rendered by text/template with the short list of functions in
// [Functions], and reaches neither the environment nor a file nor a command. What comes of it
// is a [Plan]: all files, in memory, each with a path below the folder that is to be made.
// Whoever has the template and the answers gets the same bytes, and the same [Plan.Digest].
//
// What a person answers freely, such as a description, can only be printed through a function
// that quotes it for the format of the file (quote, pyquote, goquote, shquote, md); to print it
// as it is, is an error of the template. Answers whose pattern allows nothing but letters,
// digits and . _ / + - are printed as they are.
//
// It is not for text of unknown size or origin beyond its limits: [MaxFiles], [MaxFile],
// [MaxTotal] and the number of steps of a file bound what a template can cost.
//
// The form of a template is described in docs/templates.md, that of the digests in
// docs/spec/receipt.md. The names of functions and of the manifest's fields are not taken away
// within a major version; what a template of the program writes may change, and its version
// goes up when it does.
package templates
