package handlers

// claimsName is the name that verified claims are kept under.
const claimsName = "jwt"
